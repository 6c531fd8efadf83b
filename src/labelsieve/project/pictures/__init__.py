"""Images by their feature maps: odd places, heat maps, templates."""
