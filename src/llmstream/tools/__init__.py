"""Tools of the caller's: functions that a model may call, and what runs them."""
