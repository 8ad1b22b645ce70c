"""The directory (Annuaire Santé): professionals, their situations of exercise, structures and secure mailboxes."""
