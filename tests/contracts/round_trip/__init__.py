"""Both ends of a call, written by code that shares nothing with what lies between them.

``clients`` says a scene in a client's dialect and reads the answer; ``providers`` reads a request the way a
provider would and answers in its format. What one end says, the other must understand.
"""
