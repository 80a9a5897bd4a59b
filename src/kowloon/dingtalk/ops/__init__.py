"""The cloud, operated from the messenger: a robot that answers and acts with the rights of who asks."""
