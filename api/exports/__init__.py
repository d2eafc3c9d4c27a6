"""What the records say, in the words of other standards: one file a standard."""

KINDS = ("track", "model", "dataset")
"""What can be exported."""
FORMATS = (
    "prov",
    "slsa",
    "cyclonedx",
    "spdx",
    "croissant",
    "ddex",
    "training-summary",
    "cawg",
    "erc7517",
    "rsl",
    "tdmrep",
)
"""The formats by name; :mod:`api.exports.formats` knows how each is made, and loads for that alone."""
