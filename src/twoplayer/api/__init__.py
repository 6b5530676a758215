"""The public interface: what `import twoplayer` gives."""
