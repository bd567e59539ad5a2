"""What could keep the desk from working well here: looked at from outside, each finding with what to do."""
