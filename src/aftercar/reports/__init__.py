"""What a reader gets: neutral blocks rendered to HTML, PDF, Word and Excel; charts as specifications."""
