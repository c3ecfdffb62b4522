"""Semantic Image Analogy: a network trained on one picture and its labels, for any layout.

Given a picture I, its label map P and another map P', make I' so that P ⇒ P' :: I ⇒ I' (Li, Xiong,
Liu, Chen, Zha; ACM MM 2020). ``label_maps`` reads label pictures, ``trainer`` trains the networks,
``model`` applies them in one forward pass for each map, and ``detail`` adds detail of I.
"""
