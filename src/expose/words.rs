//! Words that several faces share.
