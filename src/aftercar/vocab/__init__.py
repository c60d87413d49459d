"""The words shared by every station: ids, dates, products, genomes, terms, units, columns, estimates."""
