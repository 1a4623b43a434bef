"""How days and moments are written, by language; found by Django under FORMAT_MODULE_PATH."""
