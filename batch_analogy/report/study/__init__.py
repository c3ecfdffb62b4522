"""The user study: a page on which people rank what several methods made, and adding their answers.

``page`` makes the page, one file that needs no network; ``key`` knows which method made which
picture, which the page does not; ``answers`` reads what people send back, ``tally`` adds it up.
"""
