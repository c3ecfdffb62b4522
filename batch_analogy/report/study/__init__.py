"""User study: a page on which people rank the results of several methods, and its evaluation.

``page`` makes the page, one file that needs no network. ``study_key`` records which method made
which picture; the page does not reveal it. ``answers`` reads the files that people send back, and
``results`` summarises them.
"""
