"""The values: frozen records that everything else is made of."""
