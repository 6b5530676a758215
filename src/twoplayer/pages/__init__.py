"""Pages, plots and PDFs: HTML templates, plot style, printing."""
