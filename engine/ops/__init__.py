"""What an operator needs beside the desk: metrics as text, alarms, and the service manager's words."""
