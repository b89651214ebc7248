"""The SSO of the sandbox: `server` decides, `site` speaks HTTP, and `handle` is what a program uses as `esi.sso`."""
