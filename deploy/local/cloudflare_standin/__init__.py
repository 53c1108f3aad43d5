"""A local stand-in for the two parts of Cloudflare that Sluice uses: Queues over HTTP, and R2.

It keeps to the documented contract, including its awkward sides, so that the services run against
it with other URLs and keys only. It is for one machine: it scales to a test, not to production.
"""
