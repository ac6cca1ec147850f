"""Files from elsewhere run nothing, lead nowhere, and take no memory."""
