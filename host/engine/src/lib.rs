//! Docker's nouns and verbs over images, processes, networks and files.
