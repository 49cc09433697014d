"""Why does CORS fail for this URL? The steps of a browser's fetch, walked and explained."""
