"""Pictures of numbers as SVG made on the server: geometry as attributes, colours as classes of the stylesheet.

Promises: every picture has a title and a description, begins at zero, and holds no text of others but escaped; what it
shows stands in a table beside it (`ui.figure`)."""
