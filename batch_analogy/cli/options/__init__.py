"""The command line's options: one module per subject, and the groups that commands share."""
