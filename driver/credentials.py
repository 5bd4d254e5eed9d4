"""Prints the credentials that version 1 of the AWS CLI would use, in the form that version 2 prints with
`aws configure export-credentials --format process`. A role's are kept where both versions keep them."""

import json
import os
import sys

import awscli.botocore.session
from awscli.botocore.credentials import JSONFileCache

KEPT_IN = os.path.join("~", ".aws", "cli", "cache")


def credentials():
    session = awscli.botocore.session.get_session()
    providers = session.get_component("credential_provider")
    for name in ("assume-role", "assume-role-with-web-identity"):
        providers.get_provider(name).cache = JSONFileCache(os.path.expanduser(KEPT_IN))
    found = session.get_credentials()
    if found is None:
        sys.exit("Unable to locate credentials")
    keys = found.get_frozen_credentials()
    return {
        "Version": 1,
        "AccessKeyId": keys.access_key,
        "SecretAccessKey": keys.secret_key,
        "SessionToken": keys.token,
    }


try:
    print(json.dumps(credentials()))
except Exception as error:  # a program or a file that the profile names may do anything
    sys.exit(f"the credentials could not be found: {error}")
