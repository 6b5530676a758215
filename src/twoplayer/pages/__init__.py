"""How pages, plots and PDFs look: templates, plot style, printing."""
