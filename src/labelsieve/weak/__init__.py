"""What several annotators say: how far they agree, and what is most likely true. Arrays in, arrays out."""
