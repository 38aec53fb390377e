"""A small real model server: handwritten digits, recognized by scikit-learn, judged by late labels.

It stands for a user's own model server. Nothing in it knows about Serin, except that it reads the four
environment variables which the operator gives to every pod of a revision.
"""
