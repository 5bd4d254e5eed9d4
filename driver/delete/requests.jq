# Purpose: what requests to S3 that remove something share. A library.

# S3 takes so many keys in one request.
def most: 1000;

# XML 1.0 cannot carry the other keys, not even escaped: they go one by one, in the request's address.
def fits_xml: test("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x{fffe}\\x{ffff}]") | not;

# Requests, [operation, what it takes], as two lines each: a name, which begins with the operation, and what it takes.
def named: to_entries[] | "\(.value[0]).\(.key + 1)", .value[1];
