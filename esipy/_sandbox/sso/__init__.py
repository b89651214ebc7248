"""The SSO half of the sandbox: `server` decides, `site` speaks HTTP, `orders` is what a program sees as `esi.sso`."""
