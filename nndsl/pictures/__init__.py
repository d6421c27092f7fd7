"""Pictures of what the other rooms made: by matplotlib, which nothing else imports."""
