"""The console in a web browser: a page with a terminal, and a console process for each tab that shows it."""
