"""The tour: every command in a row, as a user would type them, and one page that shows what came of it."""
