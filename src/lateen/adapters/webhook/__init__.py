"""The control plane's admission webhooks on port 15017: `server.py` (HTTPS), `reviews.py` (AdmissionReview in,
AdmissionReview out).
"""
