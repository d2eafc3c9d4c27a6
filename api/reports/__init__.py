"""An audit as a report for people: one outline of what is said, in two languages, as a page and as a document."""
