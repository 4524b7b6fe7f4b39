"""The numbers behind the report, computed from the record alone; nothing is drawn here."""
