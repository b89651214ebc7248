"""The vendor's own example, with Celery: all market orders of 113 regions, 1 723 pages, again and again.

python -m benchmarks.crawl                 everything, some minutes
python -m benchmarks.crawl --workers 2     one size

The bucket has 12 000 tokens, as the real one, in a window of 90 seconds instead of 15 minutes. A pass costs 3 446
tokens: three fit into a window, the fourth does not. It is run by a crawl of esipy, and by plain Celery tasks that call
requests.
"""
