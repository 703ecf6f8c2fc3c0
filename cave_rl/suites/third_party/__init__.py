"""Suites whose tasks, data and checkers are other people's: adapters, each of a package that is installed apart."""
