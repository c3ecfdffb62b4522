"""Semantic Image Analogy: a network trained on one picture and its labels, for any layout.

Given a picture I, its label map P and another map P', it makes I' so that P ⇒ P' :: I ⇒ I'
(Li, Xiong, Liu, Chen, Zha; ACM MM 2020). ``classes`` reads label pictures, ``training`` trains,
``model`` is what remains: one forward pass a map.
"""
