"""The REST face by subject: each module makes the routes of one, over a station that is up."""
