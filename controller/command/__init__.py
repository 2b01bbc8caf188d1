"""How every command of callward behaves: its help, its errors, its exit codes. Owns no command."""
