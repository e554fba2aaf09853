"""MMStar: six categories, eighteen axes, two averages (Chen et al., 2024)."""
