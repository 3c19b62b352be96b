"""Charts of the service's pages, as SVG that needs no script."""
