"""REST services that are asked for prices, bars and corporate actions."""
