"""Charts as SVG: scales, a plot with axes and marks, and figures for pages and notebooks."""
