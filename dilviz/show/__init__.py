"""What a person sees: one file a topic, each with pure data and figure functions and an explorer."""
