"""What data and train blocks say."""
