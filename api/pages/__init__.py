"""Pages for holders, creators and auditors: rendered here, readable without JavaScript where that can be."""
