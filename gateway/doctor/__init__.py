"""`proxyllm doctor`: what is wrong with a deployment, before a customer finds out. One line a finding."""
