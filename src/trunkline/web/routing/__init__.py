"""How a request finds its handler: the router, its index, resources and routes, static folders, class-based views."""
