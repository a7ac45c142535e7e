"""The providers: who speaks which dialect, where, with which key and quirks. One file each."""
