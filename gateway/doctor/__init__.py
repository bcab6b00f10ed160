"""`proxyllm doctor`: finds problems of a deployment before a customer does. One line per finding."""
