"""HTTP and network filters, one file each; `order.py` alone knows their sequence."""
