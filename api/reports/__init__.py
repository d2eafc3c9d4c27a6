"""An audit as a report for people: one outline of what is said, in two languages, as a page and as a document.

``schema/`` holds the JSON Schemas (draft 2020-12) of what programs read instead.
"""
