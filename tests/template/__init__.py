"""Test this repository, not the API. A copy of the project may delete this folder.

They check the structure of the code, the documents, the commands of `dev`, and the cost of a request.
"""
